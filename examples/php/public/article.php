<?php
header('Content-Type: text/plain');
echo 'the article ', $_GET['slug'], ', asked for as ', $_SERVER['REQUEST_URI'], "\n";
